import { findJava } from '#libs/embedded-kafka/java.js';
import { kafkaHome } from '#libs/embedded-kafka/kafka-home.js';
import { tcpProxy, type TcpProxy } from '#libs/testing/tcp-proxy.js';
import { temporaryKafka, type TemporaryKafka } from '#libs/testing/temporary-kafka.js';

export interface ProxiedKafka {
  readonly broker: TemporaryKafka;
  /** Brokers of clients whose every connection goes through the proxy. */
  readonly behindProxy: string;
  readonly proxy: TcpProxy;
  dispose(): Promise<void>;
}

/** A real broker with a second listener that is advertised at a proxy's port, so that metadata leads there. */
export async function proxiedKafka(): Promise<ProxiedKafka> {
  const target = { host: '127.0.0.1', port: 0 };
  const proxy = await tcpProxy(target);
  const broker = await temporaryKafka({
    java: await findJava(process.env),
    home: kafkaHome(process.env),
    properties: (port) => {
      target.port = port + 2;
      return {
        listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${port + 1},CUT://127.0.0.1:${port + 2}`,
        'advertised.listeners': `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${port + 1},CUT://127.0.0.1:${proxy.port}`,
        'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,CUT:PLAINTEXT',
      };
    },
  });
  return {
    broker,
    behindProxy: `127.0.0.1:${proxy.port}`,
    proxy,
    dispose: async () => {
      await broker.dispose();
      await proxy.close();
    },
  };
}
