"""MLServer's custom runtime. Its environment lacks our dependencies, so it runs a compiled graph
that benchmarks/run.py has written beside the settings.
"""

import os

import numpy as np
import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Rain(MLModel):
    """V2 inference protocol; shapes and types are checked by it, ranges are not."""

    async def load(self) -> bool:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["COMPILED_MODEL"], options)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        rows = NumpyCodec.decode_input(payload.inputs[0]).astype(np.float32)
        rain, probability = self.session.run(["rain", "probability"], {"observations": rows})
        return InferenceResponse(
            model_name=self.name,
            outputs=[
                NumpyCodec.encode_output("rain", rain.astype(np.int64)),
                NumpyCodec.encode_output("probability", probability),
            ],
        )
