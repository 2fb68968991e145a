"""Arms by seeds as one experiment: what is run, how it is run, and what may be concluded. Imports no torch."""
