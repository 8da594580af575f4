package e2e_test

import (
	"database/sql"
	"testing"
)

// tables returns the columns of all of Postrider's tables, by table.
func tables(t testing.TB, db *sql.DB) map[string][]string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `
		SELECT m.name, c.name
		FROM sqlite_schema m, pragma_table_info(m.name) c
		WHERE m.type = 'table'
		AND m.name LIKE 'postrider%'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	found := make(map[string][]string)
	for rows.Next() {
		var table, column string
		if err := rows.Scan(&table, &column); err != nil {
			t.Fatal(err)
		}
		found[table] = append(found[table], column)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if len(found) < 10 {
		t.Fatalf("tables = %v; want all of the schema", found)
	}
	return found
}
