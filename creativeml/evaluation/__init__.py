"""How real, varied and well-made sounds are: embeddings, distances between sets, the judge, the report."""
