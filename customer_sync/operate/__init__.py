"""Operate: what people ask: is it well, why is it so, how many, forget me."""
