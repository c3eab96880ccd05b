"""A custom runtime for MLServer.

MLServer's environment does not have our dependencies, so it loads the compiled graph from a file
that benchmarks/load.py has written.
"""

import os

import numpy as np
import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Rain(MLModel):
    """The V2 inference protocol checks shapes and types, but no ranges."""

    async def load(self) -> bool:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["COMPILED_MODEL"], options)
        (graph_input,) = self.session.get_inputs()
        self.dtype = np.float64 if graph_input.type == "tensor(double)" else np.float32
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        rows = NumpyCodec.decode_input(payload.inputs[0]).astype(self.dtype)
        rain, probability = self.session.run(["rain", "probability"], {"observations": rows})
        return InferenceResponse(
            model_name=self.name,
            outputs=[
                NumpyCodec.encode_output("rain", rain.astype(np.int64)),
                NumpyCodec.encode_output("probability", probability),
            ],
        )
