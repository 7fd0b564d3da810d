module github.com/mythos-project/mythos

go 1.26
