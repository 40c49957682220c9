"""What programs and commands may ask and do, without HTTP: for each resource the models and the functions that do it.

`web.api` puts these functions behind `/api/v1`; the command line calls the same ones and prints the same models.
`installation` is what every function works with, `problem` what it raises, `paging` and `filters` what lists share.
"""
