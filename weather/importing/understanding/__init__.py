"""What a graph takes, which class is rain, which output is the probability, who scales."""
