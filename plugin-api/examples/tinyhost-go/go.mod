module tinyhost

go 1.24
