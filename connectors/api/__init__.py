"""Events that any program sends: in the three bodies of the documents, by our own API or by a signed webhook."""
