"""Where work runs: executors with the interface of concurrent.futures."""
