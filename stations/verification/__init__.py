"""How good the forecasts were, from the stations' own later reports."""
