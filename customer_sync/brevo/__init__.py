"""Everything that speaks with Brevo: one lane handler per kind of call, and a Brevo of our own in `sandbox`."""
