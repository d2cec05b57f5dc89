create table account (id int primary key, balance int not null);
insert into account values (1, 100);
