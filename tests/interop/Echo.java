/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * Java's TLS as a peer of worker/record, for tests/interop/records.py:
 *   java Echo.java server PORT KEYSTORE VERSION SUITE    echo one connection, then end
 *   java Echo.java client PORT KEYSTORE VERSION SUITE FIRST LAST STEP EVERY
 * The client sends every size and expects it back before the next; every so many it asks for a
 * KeyUpdate.  (A server's KeyUpdates come from the security property jdk.tls.keyLimits.)
 */
import java.io.*;
import java.nio.file.*;
import java.security.*;
import javax.net.ssl.*;

public class Echo {
	static final char[] PASSWORD = "test".toCharArray();

	static SSLContext context(String file) throws Exception {
		KeyStore store = KeyStore.getInstance("PKCS12");
		try (InputStream in = Files.newInputStream(Path.of(file))) {
			store.load(in, PASSWORD);
		}
		KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX");
		keys.init(store, PASSWORD);
		TrustManager[] anybody = { new X509TrustManager() {
			public void checkClientTrusted(java.security.cert.X509Certificate[] c, String a) {}
			public void checkServerTrusted(java.security.cert.X509Certificate[] c, String a) {}
			public java.security.cert.X509Certificate[] getAcceptedIssuers() {
				return new java.security.cert.X509Certificate[0];
			}
		} };
		SSLContext ctx = SSLContext.getInstance("TLS");
		ctx.init(keys.getKeyManagers(), anybody, null);
		return ctx;
	}

	static void server(SSLContext ctx, int port, String version, String suite) throws Exception {
		byte[] buf = new byte[1 << 16];
		try (SSLServerSocket listener =
		         (SSLServerSocket) ctx.getServerSocketFactory().createServerSocket(port)) {
			listener.setEnabledProtocols(new String[] { version });
			listener.setEnabledCipherSuites(new String[] { suite });
			System.out.println("ready");
			try (SSLSocket s = (SSLSocket) listener.accept()) {
				s.setTcpNoDelay(true);
				int n;
				while ((n = s.getInputStream().read(buf)) > 0)
					s.getOutputStream().write(buf, 0, n);
			} catch (java.net.SocketException e) {
				/* Java 17 at its key limit wants a KeyUpdate even where what came is close_notify */
				if (!e.getMessage().equals("Socket has been closed or broken"))
					throw e;
			}
		}
		System.out.println("done");
	}

	static void client(SSLContext ctx, int port, String version, String suite, int first, int last,
	    int step, int every) throws Exception {
		byte[] data = new byte[1 << 18];
		for (int i = 0; i < data.length; i++)
			data[i] = (byte) (i * 13 + (i >> 7));
		try (SSLSocket s = (SSLSocket) ctx.getSocketFactory().createSocket("127.0.0.1", port)) {
			s.setTcpNoDelay(true);
			s.setEnabledProtocols(new String[] { version });
			s.setEnabledCipherSuites(new String[] { suite });
			int round = 0;
			for (int n = first; n <= last; n += step) {
				if (every > 0 && ++round % every == 0)
					s.startHandshake(); /* TLS 1.3: a KeyUpdate that asks for one */
				s.getOutputStream().write(data, 0, n);
				byte[] back = s.getInputStream().readNBytes(n);
				if (!java.util.Arrays.equals(back, java.util.Arrays.copyOf(data, n)))
					throw new IOException("other bytes came back at size " + n);
			}
			s.shutdownOutput();
			if (s.getInputStream().read() != -1)
				throw new IOException("bytes after the end");
		}
		System.out.println("done");
	}

	public static void main(String[] a) throws Exception {
		SSLContext ctx = context(a[2]);
		int port = Integer.parseInt(a[1]);
		if (a[0].equals("server"))
			server(ctx, port, a[3], a[4]);
		else
			client(ctx, port, a[3], a[4], Integer.parseInt(a[5]), Integer.parseInt(a[6]),
			    Integer.parseInt(a[7]), Integer.parseInt(a[8]));
	}
}
