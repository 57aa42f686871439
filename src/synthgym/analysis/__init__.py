"""What the tables say: statistics, summary, figures. Reads parquet, never imports JAX."""
