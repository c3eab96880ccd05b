"""BentoML as in its first tutorial: a synchronous method with one parameter per field."""

from typing import Any

import bentoml
import numpy as np

from benchmarks.peers.model import compiled_classifier


@bentoml.service(name="beginner", workers=1)
class Beginner:
    """No batching."""

    def __init__(self) -> None:
        self.classifier = compiled_classifier()

    @bentoml.api  # type: ignore[untyped-decorator]
    def predict(
        self,
        temp_c: float,
        humidity: float,
        wind_speed_kmph: float,
        wind_bearing_degree: float,
        visibility_km: float,
        pressure_millibars: float,
        current_weather_condition: float,
    ) -> dict[str, Any]:
        """One row."""
        row = [
            temp_c,
            humidity,
            wind_speed_kmph,
            wind_bearing_degree,
            visibility_km,
            pressure_millibars,
            current_weather_condition,
        ]
        rain, probability = self.classifier(np.array([row], np.float32))
        chance = None if probability is None else float(probability[0])
        return {"prediction": "Rain" if rain[0] else "No_Rain", "probability": chance}
