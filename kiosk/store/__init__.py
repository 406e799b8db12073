"""The files in which the programs meet. Each has one writing program; everybody else only reads.

| file         | written by | holds                                          | lost, it costs     |
|--------------|------------|------------------------------------------------|--------------------|
| `journal.db` | gate       | what happened at this door, what it wants      | the only real loss |
| `tickets.db` | sync       | what the cloud last told us                    | a download         |
| `ledger.db`  | sync       | what the cloud has of our journal              | doubled deliveries |
| `dates.db`   | sync       | the times in the ledger once more              | nothing            |

`audit.log` is the exception: whoever does something by hand appends a line. `ballast` is room, and nothing else.
"""
