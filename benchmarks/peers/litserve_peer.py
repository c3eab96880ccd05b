"""LitServe with batching; ``python -m benchmarks.peers.litserve_peer PORT``."""

import sys
from typing import Any

import litserve as ls

from benchmarks.peers.model import compiled_classifier
from weather.contract.variables import Forecast, WeatherVariables


class RainApi(ls.LitAPI):
    """The same contract and classifier."""

    def setup(self, device: str) -> None:
        self.classifier = compiled_classifier()

    def decode_request(self, request: dict[str, Any]) -> WeatherVariables:
        return WeatherVariables.model_validate(request)

    def batch(self, inputs: list[WeatherVariables]) -> list[WeatherVariables]:
        return inputs

    def predict(self, batch: list[WeatherVariables]) -> list[Forecast]:
        return self.classifier.forecast(batch)

    def unbatch(self, output: list[Forecast]) -> list[Forecast]:
        return output

    def encode_response(self, output: Forecast) -> dict[str, Any]:
        return output.model_dump()


if __name__ == "__main__":
    api = RainApi(max_batch_size=32, batch_timeout=0.001, api_path="/predict")
    server = ls.LitServer(api, accelerator="cpu", workers_per_device=1)
    server.run(
        host="127.0.0.1",
        port=int(sys.argv[1]),
        num_api_servers=1,
        log_level="error",
        generate_client_file=False,
    )
