"""Weather stations: takes in what they send, asks the forecast service, verifies its forecasts."""
