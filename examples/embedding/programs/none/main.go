// Command none has what services have anyway, and nothing of ours. It is built and never run: its size is what counts.
package main

import (
	"bytes"
	"database/sql"
	"fmt"
	"html/template"
	"net/http"
	"os"
)

func main() {
	// What every service has.
	var page bytes.Buffer
	check(template.Must(template.New("").Parse("{{.}}")).Execute(&page, "a page"))
	db, err := sql.Open(os.Getenv("DRIVER"), os.Getenv("DATABASE"))
	check(err)
	fmt.Println(page.String(), db.Stats())
	check(http.ListenAndServe(os.Getenv("ADDRESS"), nil))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
