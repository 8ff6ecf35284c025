"""Many scenes: which jobs there are, and doing them one after another without losing one."""
