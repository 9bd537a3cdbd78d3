"""How closely somebody is looked after: who may order it, and who may lower it."""
