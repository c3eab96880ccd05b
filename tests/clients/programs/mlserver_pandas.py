"""MLServer's PandasCodec: a DataFrame as a request, and the response as a DataFrame."""

import json
import sys
from urllib.request import Request, urlopen

import pandas as pd
from mlserver.codecs import PandasCodec
from mlserver.types import InferenceResponse

HEADERS = {"Content-Type": "application/json"}

hours, url = json.loads(sys.argv[1]), sys.argv[2]

for table in (pd.DataFrame(hours), pd.DataFrame(hours).astype({"current_weather_condition": "int64"})):
    encoded = PandasCodec.encode_request(table, use_bytes=False)
    assert encoded.parameters.content_type == "pd"
    for document in (encoded.model_dump_json(), encoded.model_dump_json(exclude_none=True)):
        answer = urlopen(
            Request(f"{url}/v2/models/rain_forecast/infer", document.encode(), HEADERS), timeout=30
        )
        forecasts = PandasCodec.decode_response(InferenceResponse.model_validate_json(answer.read()))
        print(json.dumps([forecasts["probability"].astype(float).tolist(), forecasts["prediction"].tolist()]))
