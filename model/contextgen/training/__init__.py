"""Training of any model in this format: full weights or a low-rank adapter, by flow matching and by preference.

Knows nothing of files that describe a run, nor of terminals: `trainer.train` takes a `config.TrainConfig` and tells a
`callbacks.Watcher` how it goes.
"""
