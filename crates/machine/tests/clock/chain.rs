//! Chains: the times of all desks add up.
