"""Kinds of flows: what their stages are, from a task to verified hardware."""

from netwright.flows.flow import FlowSettings, load_flow

__all__ = ["FlowSettings", "load_flow"]
