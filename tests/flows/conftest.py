from tests.flows.tiny import own_run, tiny_run

__all__ = ["own_run", "tiny_run"]
