/* SPDX-License-Identifier: ISC */
/* Copyright (c) 2026 The Mailreeve authors */
/*
 * A client as mail programs in Java have it: TlsClient CA.pem NAME ADDRESS (PORT VERSION SUITE)...
 * connects, sends one line and reads it back, and once more over a second connection, which must
 * resume the first one's session (as its creation time tells).  A line of output for each three.
 */
import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.Socket;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.List;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

public class TlsClient {
	static SSLContext context(String ca) throws Exception {
		KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
		store.load(null, null);
		try (FileInputStream in = new FileInputStream(ca)) {
			store.setCertificateEntry(
			    "ca", CertificateFactory.getInstance("X.509").generateCertificate(in));
		}
		TrustManagerFactory trust =
		    TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
		trust.init(store);
		SSLContext ctx = SSLContext.getInstance("TLS");
		ctx.init(null, trust.getTrustManagers(), null);
		return ctx;
	}

	static long meet(SSLContext ctx, String name, String address, int port, String version,
	    String suite) throws Exception {
		Socket plain = new Socket(InetAddress.getByName(address), port);
		/* Named like this, so that Java finds the session of the first connection. */
		SSLSocket s = (SSLSocket)ctx.getSocketFactory().createSocket(plain, name, port, true);
		SSLParameters p = s.getSSLParameters();
		p.setEndpointIdentificationAlgorithm("HTTPS");
		p.setServerNames(List.of(new SNIHostName(name)));
		p.setProtocols(new String[] { version });
		p.setCipherSuites(new String[] { suite });
		s.setSSLParameters(p);
		s.setSoTimeout(20000);
		s.startHandshake();
		s.getOutputStream().write("hello from Java\n".getBytes());
		BufferedReader in = new BufferedReader(new InputStreamReader(s.getInputStream()));
		String line = in.readLine();
		if (!"hello from Java".equals(line) || !s.getSession().getProtocol().equals(version) ||
		    !s.getSession().getCipherSuite().equals(suite))
			throw new Exception(suite + ": " + line + " in " + s.getSession());
		long made = s.getSession().getCreationTime();
		s.close();
		return made;
	}

	public static void main(String[] a) throws Exception {
		for (int i = 3; i < a.length; i += 3) {
			SSLContext ctx = context(a[0]);
			int port = Integer.parseInt(a[i]);
			long first = meet(ctx, a[1], a[2], port, a[i + 1], a[i + 2]);
			Thread.sleep(10); /* creation times are in milliseconds */
			long second = meet(ctx, a[1], a[2], port, a[i + 1], a[i + 2]);
			System.out.println(
			    a[i + 2] + (first == second ? " resumed" : " did not resume"));
		}
	}
}
