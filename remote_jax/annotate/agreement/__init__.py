"""How far annotators agree (§4.2 of REMOTE): kappa, alpha, and what they dispute."""
