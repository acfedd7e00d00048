module fakes

go 1.22
