package main

import (
	"fmt"
	"runtime"
)

var version = "unknown"

func main() {
	fmt.Println("worker", version, runtime.GOARCH)
}
