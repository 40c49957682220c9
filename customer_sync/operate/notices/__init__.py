"""Notices: other programs and people are told what ended, and what began to be wrong or is well again.

`watch` looks for what is new, `states` judges what holds, `notice` is what is sent, `outbox` puts it into the lane of
each target, `handler` is that lane's worker step, `senders` are the three ways out.
"""
