"""Garden: a platform that does not exist, as small as a whole connector can be."""
