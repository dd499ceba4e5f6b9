// Command lookout asks each URL that it is given and says what came back. It ends with 1 if one did not answer well.
package main

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"time"

	"example.com/columns"
)

// Set by the linker: see `ldflags` in gantry.toml.
var version = "unknown"

func main() {
	asked := flag.Bool("version", false, "say the version")
	flag.Parse()
	if *asked {
		fmt.Printf("lookout %s on %s/%s\n", version, runtime.GOOS, runtime.GOARCH)
		return
	}
	client := http.Client{Timeout: 10 * time.Second}
	rows := [][]string{}
	well := true
	for _, url := range flag.Args() {
		said, good := ask(&client, url)
		rows = append(rows, []string{url, said})
		well = well && good
	}
	for _, line := range columns.Lined(rows) {
		fmt.Println(line)
	}
	if !well {
		os.Exit(1)
	}
}

func ask(client *http.Client, url string) (string, bool) {
	answer, err := client.Get(url)
	if err != nil {
		return err.Error(), false
	}
	answer.Body.Close()
	return answer.Status, answer.StatusCode < 400
}
