"""What is said of runs that are kept: their branches, how two align, journals from elsewhere; some of it remembered."""
