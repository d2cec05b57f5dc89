"""The dashboard: the web pages, the store behind them and the worker that plays runs."""
