\set ECHO queries
\d
\d+
\dt+ *.*
\dt "Sales Ünits".*
\d+ people
\d+ everything
\d+ "Sales Ünits"."Order"
\d+ readings
\d+ readings_2026
\d+ grown
\d+ totals
\d+ guarded
\d+ parent
\d by_amount
\d ticket
\da
\dA+
\dAc btree int*
\db
\dc
\dC
\dd
\dD+
\ddp
\dE
\dF+
\des
\df+
\df+ twice
\dg+
\di+
\dl+
\dL+
\dm+
\dn+
\do ===
\dO+
\dp
\dP+
\drds
\dRp
\dRs
\ds
\dT+
\du
\dv+
\dx+
\dy
\dX
\dconfig work_mem
\l shop
\sf touch
\sv grown
\z people
