import java.io.StringReader;
import java.io.StringWriter;
import java.sql.*;
import java.util.Properties;
import org.postgresql.PGConnection;
import org.postgresql.largeobject.LargeObject;
import org.postgresql.largeobject.LargeObjectManager;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

/** Prints what pgjdbc sees. Connects as PGHOST and its like say. */
public class Client {
  interface Work { Object run() throws Exception; }

  static void show(String label, Work work) {
    try {
      System.out.println(label + " " + work.run());
    } catch (PSQLException e) {
      ServerErrorMessage m = e.getServerErrorMessage();
      System.out.println(label + " error " + e.getSQLState() + (m == null ? "" : " " + m.getSeverity() + " "
          + m.getMessage() + " " + m.getDetail() + " " + m.getHint() + " " + m.getPosition() + " " + m.getTable()
          + " " + m.getConstraint() + " " + m.getRoutine()));
    } catch (Exception e) {
      System.out.println(label + " failed " + e);
    }
  }

  static String all(ResultSet rows) throws SQLException {
    StringBuilder text = new StringBuilder();
    ResultSetMetaData meta = rows.getMetaData();
    for (int c = 1; c <= meta.getColumnCount(); c++)
      text.append(meta.getColumnName(c)).append(':').append(meta.getColumnTypeName(c)).append(':').append(meta.getTableName(c)).append(' ');
    while (rows.next())
      for (int c = 1; c <= meta.getColumnCount(); c++) text.append(rows.getString(c)).append(',');
    return text.toString();
  }

  public static void main(String[] args) throws Exception {
    String url = "jdbc:postgresql://" + System.getenv("PGHOST") + ":" + System.getenv("PGPORT") + "/" + System.getenv("PGDATABASE");
    for (String mode : new String[] {"simple", "extended", "extendedForPrepared", "extendedCacheEverything"}) {
      Properties p = new Properties();
      p.setProperty("user", System.getenv("PGUSER"));
      p.setProperty("password", System.getenv("PGPASSWORD"));
      p.setProperty("sslmode", System.getenv("PGSSLMODE"));
      if (System.getenv("PGSSLROOTCERT") != null) p.setProperty("sslrootcert", System.getenv("PGSSLROOTCERT"));
      p.setProperty("preferQueryMode", mode);
      p.setProperty("prepareThreshold", "2");
      try (Connection c = DriverManager.getConnection(url, p)) {
        System.out.println("mode " + mode);
        try (Statement s = c.createStatement()) {
          s.execute("DROP TABLE IF EXISTS jx");
          s.execute("CREATE TABLE jx (id int PRIMARY KEY, t text, b bytea, ts timestamptz)");
          for (int n = 0; n < 5; n++) {
            final int id = n;
            show("insert", () -> {
              try (PreparedStatement q = c.prepareStatement("INSERT INTO jx VALUES (?, ?, ?, ?)")) {
                q.setInt(1, id % 4);
                q.setString(2, "é" + id);
                q.setBytes(3, new byte[] {0, (byte) 255});
                q.setTimestamp(4, new Timestamp(1700000000000L));
                return q.executeUpdate();
              }
            });
          }
          show("select", () -> all(s.executeQuery("SELECT * FROM jx ORDER BY id")));
          show("syntax", () -> all(s.executeQuery("SELEC 1")));
          show("several", () -> s.execute("SELECT 1; SELECT 2") + " " + s.getMoreResults());
          show("batch", () -> {
            s.addBatch("INSERT INTO jx (id) VALUES (100)");
            s.addBatch("INSERT INTO jx (id) VALUES (100)");
            return s.executeBatch().length;
          });
          c.setAutoCommit(false);
          show("fetched", () -> {
            try (Statement f = c.createStatement()) {
              f.setFetchSize(10);
              int n = 0;
              ResultSet r = f.executeQuery("SELECT generate_series(1, 35)");
              while (r.next()) n += r.getInt(1);
              return n;
            }
          });
          show("broken", () -> s.execute("SELECT 1/0"));
          show("aborted", () -> s.execute("SELECT 1"));
          c.rollback();
          Savepoint point = c.setSavepoint("a");
          s.executeUpdate("DELETE FROM jx");
          c.rollback(point);
          show("kept", () -> all(s.executeQuery("SELECT count(*) FROM jx")));
          c.commit();
          if (!mode.equals("simple")) show("large object", () -> {
            LargeObjectManager manager = c.unwrap(PGConnection.class).getLargeObjectAPI();
            long oid = manager.createLO();
            LargeObject made = manager.open(oid, LargeObjectManager.READWRITE);
            made.write("large".getBytes());
            made.seek(1);
            String read = new String(made.read(3));
            made.close();
            manager.delete(oid);
            return read;
          });
          c.commit();
          c.setAutoCommit(true);
          show("copied in", () -> c.unwrap(PGConnection.class).getCopyAPI().copyIn("COPY jx (id, t) FROM STDIN", new StringReader("200\ta\n201\tb\n")));
          show("copied out", () -> {
            StringWriter out = new StringWriter();
            c.unwrap(PGConnection.class).getCopyAPI().copyOut("COPY (SELECT id, t FROM jx ORDER BY id) TO STDOUT", out);
            return out;
          });
          show("bad copy", () -> c.unwrap(PGConnection.class).getCopyAPI().copyIn("COPY jx (id) FROM STDIN", new StringReader("x\n")));
          s.execute("LISTEN jx");
          s.execute("NOTIFY jx, 'hello'");
          show("notified", () -> c.unwrap(PGConnection.class).getNotifications(5000)[0].getParameter());
          Thread canceller = new Thread(() -> {
            try { Thread.sleep(500); s.cancel(); } catch (Exception e) { System.out.println("cancel failed"); }
          });
          canceller.start();
          show("cancelled", () -> s.execute("SELECT pg_sleep(30)"));
          canceller.join();
          Thread.sleep(300);
          show("alive", () -> all(s.executeQuery("SELECT 1 AS one")));
          show("metadata", () -> all(c.getMetaData().getPrimaryKeys(null, "public", "jx")));
        }
      }
    }
  }
}
