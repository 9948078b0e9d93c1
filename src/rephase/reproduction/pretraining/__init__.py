"""From episodes to a small world model and start states, for tasks that no shipped model knows. Imports torch.

`making` is the way of ``rephase pretrain``; the recipe of the shipped model uses the same parts.
"""
