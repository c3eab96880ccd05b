"""Reports on a model in use: evaluation on new observations, drift of the forecasts."""
