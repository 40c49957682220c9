"""Engine: the plan of an event, the worker step of a lane, the result of a delivery, and the pauses of a lane."""
