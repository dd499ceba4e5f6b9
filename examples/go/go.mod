module example.com/lookout

go 1.21

require example.com/columns v0.1.0
