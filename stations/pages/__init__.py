"""The page: stations, their last day, and how good the forecasts were."""
