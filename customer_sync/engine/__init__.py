"""Engine: what moves everything: an event's plan, what lanes give back, why they pause."""
