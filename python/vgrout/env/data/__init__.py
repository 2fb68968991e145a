"""Package data of the environment: problems and contrast pairs."""
