"""The pages for browsers, and the served model's card."""
