create table account (id int primary key, balance int not null, version int not null default 1);
insert into account values (1, 100), (2, 100);
create table visit (id serial primary key, visitor text not null);
create table job (id int primary key, done int not null default 0);
insert into job select generate_series(1, 4);
