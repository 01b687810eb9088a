//! Prints what tokio-postgres sees. Connects as PGHOST and its like say.
use futures_util::{SinkExt, StreamExt, TryStreamExt};
use std::{env, fs, io::BufReader, sync::Arc, time::Duration};
use tokio_postgres::{Client, Error, NoTls, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

fn describe(error: &Error) -> String {
    match error.as_db_error() {
        Some(e) => format!(
            "error {} {} {} {:?} {:?} {:?} {:?} {:?} {:?}",
            e.code().code(), e.severity(), e.message(), e.detail(), e.hint(), e.position(), e.table(), e.constraint(), e.routine()
        ),
        None => format!("failed {error}"),
    }
}

fn show<T: std::fmt::Debug>(label: &str, result: Result<T, Error>) {
    match result {
        Ok(value) => println!("{label} {value:?}"),
        Err(error) => println!("{label} {}", describe(&error)),
    }
}

fn tls() -> MakeRustlsConnect {
    let file = fs::File::open(env::var("PGSSLROOTCERT").unwrap()).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    for certificate in rustls_pemfile::certs(&mut BufReader::new(file)) {
        roots.add(certificate.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    MakeRustlsConnect::new(
        rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth(),
    )
}

async fn run(client: &mut Client, secure: bool) -> Result<(), Error> {
    client.batch_execute("DROP TABLE IF EXISTS rx; CREATE TABLE rx (id int PRIMARY KEY, t text)").await?;
    let insert = client.prepare("INSERT INTO rx VALUES ($1, $2)").await?;
    for id in 0..3i32 {
        show("insert", client.execute(&insert, &[&(id % 2), &format!("é{id}")]).await);
    }
    let rows = client.query("SELECT id, t FROM rx ORDER BY id", &[]).await?;
    println!("{:?}", rows.iter().map(|r| (r.get::<_, i32>(0), r.get::<_, String>(1))).collect::<Vec<_>>());
    show("syntax", client.query("SELEC 1", &[]).await.map(|r| r.len()));
    let (one, two) = futures_util::join!(client.query("SELECT 1", &[]), client.query("SELECT 1/0", &[]));
    show("pipelined", one.map(|r| r.len()));
    show("pipelined", two.map(|r| r.len()));
    let simple = client.simple_query("SELECT 1 AS a; SELECT 2 AS b").await?;
    println!("simple {}", simple.iter().filter(|m| matches!(m, SimpleQueryMessage::Row(_))).count());
    let mut transaction = client.transaction().await?;
    {
        let nested = transaction.transaction().await?;
        show("nested", nested.query("SELECT 1/0", &[]).await.map(|r| r.len()));
        nested.rollback().await?;
    }
    let statement = transaction.prepare("SELECT generate_series(1, 7)").await?;
    let portal = transaction.bind(&statement, &[]).await?;
    for _ in 0..3 {
        println!("portal {}", transaction.query_portal(&portal, 3).await?.len());
    }
    transaction.commit().await?;
    let mut sink = Box::pin(client.copy_in("COPY rx FROM STDIN").await?);
    sink.send(futures_util::stream::iter([&b"10\ta\n11\tb\n"[..]]).next().await.unwrap()).await?;
    println!("copied {}", sink.as_mut().finish().await?);
    let out: Vec<_> = client.copy_out("COPY (SELECT * FROM rx ORDER BY id) TO STDOUT").await?.try_collect().await?;
    println!("{:?}", out.concat());
    let cancel = client.cancel_token();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let done = if secure { cancel.cancel_query(tls()).await } else { cancel.cancel_query(NoTls).await };
        done.unwrap();
    });
    show("cancelled", client.query("SELECT pg_sleep(30)", &[]).await.map(|r| r.len()));
    tokio::time::sleep(Duration::from_millis(300)).await;
    show("alive", client.query("SELECT 1", &[]).await.map(|r| r.len()));
    Ok(())
}

#[tokio::main]
async fn main() {
    let of = |name: &str| env::var(name).unwrap();
    let secure = of("PGSSLMODE") != "disable";
    let mut config = tokio_postgres::Config::new();
    config.host(&of("PGHOST")).port(of("PGPORT").parse().unwrap()).user(&of("PGUSER"));
    config.password(of("PGPASSWORD")).dbname(&of("PGDATABASE"));
    let mut client = if secure {
        config.ssl_mode(tokio_postgres::config::SslMode::Require);
        let (client, connection) = config.connect(tls()).await.unwrap();
        tokio::spawn(connection);
        client
    } else {
        config.ssl_mode(tokio_postgres::config::SslMode::Disable);
        let (client, connection) = config.connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    };
    if let Err(error) = run(&mut client, secure).await {
        println!("ended {}", describe(&error));
    }
}
