"""What imports may do in this account: proven on contacts of our own, and watched in every later import."""
