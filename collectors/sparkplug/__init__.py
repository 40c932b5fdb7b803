"""Sparkplug B v3: a host application, passive by default, primary when asked."""
