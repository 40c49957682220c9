"""Person: an address and all that is known with it. Pure: merge, consent, identity, mapping."""
