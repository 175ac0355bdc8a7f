"""Invented customers beside the real log: personas with a story each, in variations by a seed.

`names` says who they are, `offers` what the shop sells and to whom it lost, `story` in which words a past
is told, `acquisition` to `termination` tell the personas of a phase, `generating` varies them, `loading`
sends them to the CRM. All of it happened before the demo's day, 1998-07-01.
"""
