"""Mutation tests of who may do what: every small lie in the policy turns some test red."""
